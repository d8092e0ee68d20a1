"""What both programs know about nodes and about being a program.

Admission rule: used by the exporter *and* the actuator today; holds no policy, metric, alert or
thread; imports neither program.
"""
