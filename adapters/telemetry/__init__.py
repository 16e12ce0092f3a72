"""Who watches the service."""
