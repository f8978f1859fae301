"""carpd: keeps a virtual IP address on exactly one of several Linux hosts. A drop-in for ucarp."""
