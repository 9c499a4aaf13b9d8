"""Clients of store platforms. A library: it knows neither Django nor the apps that use it."""
