"""From a source of images to the parts that are trained on and tested with."""
