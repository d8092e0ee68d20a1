"""Recovery commands over MQTT: the messages, the broker, and the side that sends."""
