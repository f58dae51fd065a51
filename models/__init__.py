"""Recipes that train the shipped networks, and the trained weights with a card each."""
