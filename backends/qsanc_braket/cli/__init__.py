"""Commands of this package, one a module; `qsanc_braket.commands` lists them."""
