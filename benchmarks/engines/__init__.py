"""One module for each engine, written from its public interface."""
