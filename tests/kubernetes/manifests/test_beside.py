"""k8s/components/beside: what is applied in a namespace that has pods of somebody else's."""

import os
from pathlib import Path

from tests.kubernetes.manifests.rendered import ROOT, find, render


def test_nothing_holds_for_other_pods_of_the_namespace(tmp_path: Path) -> None:
    base, beside = (os.path.relpath(ROOT / f"k8s/{one}", tmp_path) for one in ("base", "components/beside"))
    (tmp_path / "kustomization.yaml").write_text(
        f"namespace: shop\nresources: [{base}]\ncomponents: [{beside}]\n"
    )
    found = render(str(tmp_path))
    kinds = {one["kind"] for one in found}
    assert not kinds & {"Namespace", "NetworkPolicy", "PodDisruptionBudget"}
    assert {one["metadata"]["namespace"] for one in found} == {"shop"}
    assert {name: find(found, "Deployment", name)["spec"]["replicas"] for name in ("greeter", "client")} == {
        "greeter": 0,
        "client": 0,
    }
    for name in ("otel-collector", "jaeger", "prometheus"):
        assert find(found, "Deployment", name)["spec"]["replicas"] == 1
