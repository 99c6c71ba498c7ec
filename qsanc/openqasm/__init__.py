"""OpenQASM 3: circuits written for other tools, and read from them."""
