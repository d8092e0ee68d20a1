"""What each part of actuator.yml may say: one file a part."""
