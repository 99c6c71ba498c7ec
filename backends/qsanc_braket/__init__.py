"""Amazon Braket as a backend: its local simulators, its managed simulators and quantum processors."""
