"""How full pools were and how warm disks were over time, and when a pool will be full."""
