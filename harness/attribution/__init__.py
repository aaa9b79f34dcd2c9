"""Attribution of moved numbers: to the optimizer under test, or to its environment."""
