from smoothbit.report.sections.methods import label, unique


def test_label_leaves_out_what_the_network_does_not_read():
    config = {"quantizer": "qlr", "num_bits": 32, "num_steps": 4, "options": {"variant": "public", "epsilon": 0.2}}
    fields = ["num_bits", "num_steps", "quantizer", "options"]
    assert label({"config": config, "unread": ["quantizer"]}, fields) == "K=4 public epsilon=0.2 FP32"
    assert label({"config": {**config, "num_bits": 2}, "unread": []}, fields) == "K=4 qlr public epsilon=0.2 INT2"


def test_values_that_are_no_words_are_named():
    config = {"log_steps": True, "is_warm": False, "split": None, "hidden_channels": 64}
    assert label({"config": config, "unread": []}, list(config)) == "log steps not warm hidden channels 64"


def test_unique_keeps_the_order():
    assert unique(["b", "a", "b"]) == ["b", "a"]
