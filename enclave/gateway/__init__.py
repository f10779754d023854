"""What stands between people and the services: the door, sign-on, portals, processes."""
