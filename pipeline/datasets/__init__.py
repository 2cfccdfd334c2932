"""From a source of images to training, validation and test parts."""
