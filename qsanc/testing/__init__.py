"""Tests of circuits and models: strategies for Hypothesis, assertions, and what runs the blocks of a file."""
