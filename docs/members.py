"""What pages of the reference show of classes, and which pages have names of their own."""

#: Of classes the members that are for users; all of them: "".
MEMBERS = {
    "torch_specinv.Algorithm": "",
    "torch_specinv.Constraint": "tensors, degree, is_nearest_point, bins, project, observe, "
    "magnitude, start, own_start, before_synthesis, finish, error, energy, scaled, select, "
    "of_frames, map_tensors, spread",
    "torch_specinv.Diagnosis": "",
    "torch_specinv.Inversion": "save, plot, play, item",
    "torch_specinv.PointwiseAlgorithm": "",
    "torch_specinv.STFT": "",
    "torch_specinv.Status": "",
    "torch_specinv.Step": "number, budget",
    "torch_specinv.algorithms.RelaxedProjections": "coefficients",
    "torch_specinv.comparing.Degradation": "read, name",
    "torch_specinv.constraints.ConstraintMaker": "",
    "torch_specinv.constraints.PhaseKeeping": "factors",
    "torch_specinv.export.Traceable": "forward, dynamic_shapes, least_frames",
    "torch_specinv.images.ImageSpec": "restore, record",
    "torch_specinv.mel.MelSpec": "bank, record, restore",
    "torch_specinv.mel.Preset": "record",
    "torch_specinv.online.RTISI": "push, flush, reset, latency",
    "torch_specinv.online.Streaming": "push, flush, reset, latency, latency_seconds, look_ahead, "
    "hop_length, held, warm_up, to, state_dict, load_state_dict",
    "torch_specinv.phase.PhaseMethod": "__call__",
    "torch_specinv.transform.geometry.Geometry": "padding, norm",
}

#: Where names of objects differ in capitals alone, as names of files may not.
FILES = {
    "torch_specinv.export.traceable": "torch_specinv.export.traceable_function",
    "torch_specinv.mel.preset": "torch_specinv.mel.preset_function",
}
