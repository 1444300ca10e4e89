"""Chips with dim targets, cut from infrared sequences: a data set for TensorFlow Datasets."""
