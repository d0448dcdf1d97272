"""The reference table: models by robust UAR and attacks by success, from committed results only."""
