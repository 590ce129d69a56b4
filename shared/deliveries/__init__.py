"""Work that carries a payload: committed with its cause, tried at once, repeated until done."""
