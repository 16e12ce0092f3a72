"""What providers say of themselves when they are asked, without a server."""
