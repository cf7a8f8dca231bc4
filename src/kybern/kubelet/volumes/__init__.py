"""What is mounted into containers. `payload` decides (pure), the rest puts it on disk and takes it away again."""
