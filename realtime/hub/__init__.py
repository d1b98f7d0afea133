"""The hub: one thread that notes what is true of each job and sends it to who watches."""
