"""What is known of devices: a dated table of our own, capability sheets, and what follows from them."""
