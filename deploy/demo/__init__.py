"""``make demo``: the whole project at work on a real control plane, for a person to watch.

    python -m deploy.demo [--fleet N] [--helm 3|4] [--keep] [--kubeconfig FILE]

What it shows it measures, in this very run and from outside: a watcher of pods, ReplicaSets and
EndpointSlices sees every change from before the migration on (`record`). It ends with exit code 0
only if all that is promised was seen to hold (`verdict`).
"""
