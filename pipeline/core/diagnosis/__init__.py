"""Why a training went as it did: checks of code and data, vital signs, and the causes that they distinguish."""
