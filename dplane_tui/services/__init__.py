"""What can be done, without a console: async classes a plain script can use."""
