"""How the box is: CPU, memory with ARC apart, temperatures, disks, services."""
