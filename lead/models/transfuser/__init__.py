"""TransFuser V6: cameras, LiDAR and radar fused into waypoints, path, target speed and auxiliary perception."""
