"""Where cells come from: real servers and processes on this machine, behind an interface that other places can implement."""
