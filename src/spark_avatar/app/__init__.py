"""Settings -> services -> server, worker and commands. The only place that names adapters."""
