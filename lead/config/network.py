"""What a network and its inputs depend on: the settings that a training chooses and that a checkpoint is read by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkConfig:
    """Names and defaults are the published ones, spelling mistakes included.

    Attributes:
        carla_root: Folder of the simulated data, whose name tells the camera rig.
        target_dataset: Number of the kind of data; 0 to tell from ``carla_root``.
        use_carla_data: Trained on CARLA.
        use_navsim_data: Trained on NAVSIM; together with CARLA in one network, on simulated data with NAVSIM's cameras.
        horizontal_fov_reduction: Columns cut off at each side of simulated images, which are stretched back to their
            width; driving does the same.
        training_used_lidar_steps: LiDAR sweeps that go into the raster.
        image_architecture: Image encoder.
        lidar_architecture: LiDAR encoder, the same.
        LTF: Positional ramps instead of the LiDAR raster.
        use_radars: Radar points are loaded.
        radar_detection: There is a radar head.
        use_radar_detection: The planner gets its tokens.
        use_planning_decoder: There is a planner.
        use_tfv5_planning_decoder: It is the one of TransFuser V5.
        use_velocity: The planner is told how fast the vehicle is.
        transfuser_token_dim: Width of the planner's tokens.
        n_layer: Transformer blocks per fusion.
        radar_token_dim: Width of the radar head's tokens.
        radar_tf_dim_ff: Hidden width of the radar head.
        transfuser_feed_forward: Hidden width of the planner's feed-forward layers; no published key.
        deconv_channel_num_0: Channels of the perspective heads' first part.
        deconv_channel_num_1: Of their second part.
        deconv_channel_num_2: Of their last part, at the image's size.
        blind_cameras: The network gets black images, to find out what can be driven without any; no published key.
        use_mixed_precision_training: bfloat16 inside the network, on GPUs; where it drives, too.
    """

    carla_root: str = "data/carla_leaderboard2"
    target_dataset: int = 0
    use_carla_data: bool = True
    use_navsim_data: bool = False
    horizontal_fov_reduction: int = 0
    training_used_lidar_steps: int = 10
    image_architecture: str = "resnet34"
    lidar_architecture: str = "resnet34"
    LTF: bool = False  # the published key
    use_radars: bool = True
    radar_detection: bool = True
    use_radar_detection: bool = True
    use_planning_decoder: bool = False
    use_tfv5_planning_decoder: bool = False
    use_velocity: bool = True
    transfuser_token_dim: int = 256
    n_layer: int = 2
    radar_token_dim: int = 256
    radar_tf_dim_ff: int = 1024
    transfuser_feed_forward: int = 2048
    deconv_channel_num_0: int = 128
    deconv_channel_num_1: int = 64
    deconv_channel_num_2: int = 32
    blind_cameras: bool = False
    use_mixed_precision_training: bool = True
