"""How it is measured: processes that are asked for one run at a time, medians, tables."""
