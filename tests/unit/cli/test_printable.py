from smoothbit.cli.printable import printable


def test_only_control_characters_change() -> None:
    assert printable("Cora é 図 [x]\n") == "Cora é 図 [x]\n"
    assert printable("a\x1b[2J\r\x07\u202e") == "a\\x1b[2J\\r\\x07\\u202e"
