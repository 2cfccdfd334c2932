"""Why a training went as it did: checks of the code and the data, the vital signs, and the causes they tell apart."""
