"""The optimizer under test: its role, how it is loaded, stepped, timed and listened to."""
