"""Losses of TransFuser V6 as pure functions of predictions and labels, in float32 whatever the network computed in."""
