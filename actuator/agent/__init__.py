"""The hands on a host: MQTT commands, process watchdog, config replacement."""
