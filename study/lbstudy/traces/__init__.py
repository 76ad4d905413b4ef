"""Every change as a trace: what is known of a server's arrival or removal, told as spans."""
