"""SASRec, the encoder of every system."""
