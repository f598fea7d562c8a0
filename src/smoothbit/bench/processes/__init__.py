"""Programs that the memory measurements run in processes of their own."""
