"""What the package's entry points name; nothing here is imported unless OpenTelemetry loads an entry point."""
