"""What the collectors of Antelope nodes share."""
