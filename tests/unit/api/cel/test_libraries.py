"""Kubernetes' function libraries, each function with what it gives and what it refuses."""

import pytest

from kybern.api.cel import DYN, Environment, EvaluationError, compile_expression

ENVIRONMENT = Environment({"x": DYN})


def evaluate(text: str) -> object:
    return compile_expression(text, ENVIRONMENT).evaluate({"x": {"bad": "(", "list": [3, 1, 2]}})


@pytest.mark.parametrize(
    "text",
    [
        # Lists.
        "[1, 2, 2].isSorted() && !['b', 'a'].isSorted() && [].isSorted()",
        "[1, 2].sum() == 3 && [1.5, 2.0].sum() == 3.5 && [duration('1s')].sum() == duration('1s') && [1u].sum() == 1u",
        "[3, 1].min() == 1 && ['a', 'c'].max() == 'c' && [b'a'].min() == b'a'",
        "[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && [1].indexOf(5) == -1",
        "x.list.sort() == [1, 2, 3] && ['b', 'a'].sort() == ['a', 'b'] && x.list.reverse() == [2, 1, 3]",
        "[[1, 2], [3]].flatten() == [1, 2, 3] && [1, 1, 2].distinct() == [1, 2] && lists.range(3) == [0, 1, 2]",
        "[dyn(1), dyn([dyn(2), dyn([3])])].flatten(2) == [1, 2, 3] && [1, 2, 3].slice(1, 3) == [2, 3]",
        "[{'n': 'b'}, {'n': 'a'}].sortBy(e, e.n)[0].n == 'a'",
        "sets.contains([1, 2, 3], [2, 3]) && sets.intersects([1], [1, 2]) && sets.equivalent([1, 1], [1])",
        "!sets.contains([1], [2]) && !sets.intersects([1], []) && !sets.equivalent([1], [1, 2])",
        # Strings.
        "'tacocat'.charAt(3) == 'o' && 'abc'.charAt(3) == ''",
        "'banana'.indexOf('an') == 1 && 'banana'.indexOf('an', 2) == 3 && 'banana'.indexOf('x') == -1",
        "'banana'.lastIndexOf('an') == 3 && 'banana'.lastIndexOf('an', 2) == 1 && 'abc'.lastIndexOf('') == 3",
        "'ÄbC'.lowerAscii() == 'Äbc' && 'äbC'.upperAscii() == 'äBC'",
        "'aXbX'.replace('X', '-') == 'a-b-' && 'aXbX'.replace('X', '', 1) == 'abX' && 'ab'.replace('', '.') == '.a.b.'",
        "'a,b,c'.split(',') == ['a', 'b', 'c'] && 'a,b,c'.split(',', 2) == ['a', 'b,c'] && 'a'.split(',', 0) == []",
        "'abc'.split('') == ['a', 'b', 'c'] && ['a', 'b'].join('/') == 'a/b' && [].join() == ''",
        "'hello'.substring(1) == 'ello' && 'hello'.substring(1, 3) == 'el' && ' a\\t\\u2003'.trim() == 'a'",
        "strings.quote('a\"\\n\\\\') == '\"a\\\\\"\\\\n\\\\\\\\\"'",
        "'%s|%d|%.1f|%x|%X|%o|%b|%%'.format(['a', -5, 1234.56, 255, b'\\xab', 8, true]) == 'a|-5|1,234.6|ff|AB|10|1|%'",
        "'%s'.format([[1, 'a', {'k': 1.5}, timestamp('2020-01-01T00:00:00Z'), null]])"
        " == '[1, \"a\", {\"k\":1.500000}, timestamp(\"2020-01-01T00:00:00Z\"), null]'",
        "'%e'.format([1234.5]) == '1.234500×10⁰³' && '%s'.format([type(1)]) == 'int'",
        "'foobar'.find('o+') == 'oo' && 'a1b22'.findAll('[0-9]+') == ['1', '22'] && 'a1b2'.findAll('[0-9]', 1) == ['1']",
        # URLs.
        "url('https://u@h.io:8443/a%20b?q=1&q=2&r#f').getHost() == 'h.io:8443'",
        "url('https://[::1]:80/').getHostname() == '::1' && url('https://[::1]:80/').getPort() == '80'",
        "url('https://h/a%20b').getEscapedPath() == '/a%20b' && url('https://h/a b').getEscapedPath() == '/a%20b'",
        "url('http://h/?q=1&q=2&r').getQuery() == {'q': ['1', '2'], 'r': ['']}",
        "url('HTTP://h').getScheme() == 'http' && url('/p') == url('/p') && isURL('/p') && !isURL('p') && !isURL('')",
        # Quantities.
        "quantity('1.5G').isGreaterThan(quantity('1400M')) && quantity('1Ki').compareTo(quantity('1024')) == 0",
        "quantity('50k').add(quantity('20')).sub(20) == quantity('50k') && sign(quantity('-1')) == -1",
        "quantity('2k').asInteger() == 2000 && !quantity('1500m').isInteger() && quantity('500m').asApproximateFloat() == 0.5",
        "isQuantity('1Gi') && !isQuantity('1GB') && quantity('1').isLessThan(quantity('2'))",
        # Addresses.
        "ip('10.0.0.1').family() == 4 && ip('::1').isLoopback() && ip('0.0.0.0').isUnspecified()",
        "ip('224.0.0.9').isLinkLocalMulticast() && ip('fe80::1').isLinkLocalUnicast() && ip('8.8.8.8').isGlobalUnicast()",
        "!ip('255.255.255.255').isGlobalUnicast() && ip.isCanonical('2001:db8::1') && !ip.isCanonical('2001:DB8::1')",
        "isIP('::ffff:1.2.3.4') == false && !isIP('1.2.3.04') && !isIP('fe80::1%eth0') && string(ip('::0:1')) == '::1'",
        "cidr('10.0.0.0/8').containsIP('10.9.9.9') && cidr('10.0.0.0/8').containsCIDR(cidr('10.1.0.0/16'))",
        "!cidr('10.0.0.0/16').containsCIDR('10.0.0.0/8') && cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8')",
        "cidr('10.1.2.3/8').ip() == ip('10.1.2.3') && cidr('::/0').prefixLength() == 0 && !isCIDR('10.0.0.0/33')",
        "string(cidr('10.0.0.0/8')) == '10.0.0.0/8' && type(ip('::1')) == net.IP && type(cidr('::/1')) == net.CIDR",
        # Versions.
        "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0-rc.1').compareTo(semver('1.0.0')) == -1",
        "semver('1.0.0-2') .isLessThan(semver('1.0.0-11')) && semver('1.0.0+a') == semver('1.0.0+b')",
        "semver('v1.2', true).minor() == 2 && isSemver('01.1.1', true) && !isSemver('1.2') && semver('1.2.3').patch() == 3",
        # Formats.
        "!format.dns1123Label().validate('my-name').hasValue() && format.dns1123Label().validate('My').hasValue()",
        "!format.dns1123LabelPrefix().validate('a-').hasValue()",
        "format.uuid().validate('x').value() == ['does not match the UUID format']",
        "format.named('labelValue').value() == format.labelValue() && !format.named('nothing').hasValue()",
        "format.uri().validate('x').value()[0] == 'parse \"x\": invalid URI for request'",
        "!format.datetime().validate('2021-01-01T00:00:00Z').hasValue() && format.date().validate('2021-13-01').hasValue()",
    ],
)  # fmt: skip
def test_true(text: str) -> None:
    assert evaluate(text) is True


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[].min()", "min called on empty list"),
        ("[1].slice(1, 0)", "cannot slice(1, 0), start index must be less than or equal to end index"),
        ("[1].slice(0, 2)", "cannot slice(0, 2), list is length 1"),
        ("'abc'.charAt(4)", "index out of range: 4"),
        ("'abc'.substring(2, 1)", "invalid substring range. start: 2, end: 1"),
        ("'%d'.format(dyn([1.5]))",
         "error during formatting: decimal clause can only be used on integers, was given double"),
        ("dyn('%z').format([1])", 'could not parse formatting clause: unrecognized formatting clause "z"'),
        ("'a'.find(x.bad)", "Illegal regex: error parsing regexp: missing closing ): `(`"),
        ("url('a b')", 'URL parse error during conversion from string: parse "a b": invalid URI for request'),
        ("url('http://h:x/')",
         'URL parse error during conversion from string: parse "http://h:x/": invalid port ":x" after host'),
        ("quantity('1XB')",
         "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
        ("quantity('0.5').asInteger()", "cannot convert value to integer"),
        ("ip('1.2.3.256')",
         'IP Address "1.2.3.256" parse error during conversion from string: ParseAddr("1.2.3.256"): '
         "IPv4 field has value >255"),
        ("ip('1:2')",
         'IP Address "1:2" parse error during conversion from string: ParseAddr("1:2"): address string too short'),
        ("cidr('10.0.0.0')",
         "network address parse error during conversion from string: network address parse error during conversion"
         " from string: netip.ParsePrefix(\"10.0.0.0\"): no '/'"),
        ("semver('1')", "No Major.Minor.Patch elements found"),
        ("semver('1.2.03')", 'Patch number must not contain leading zeroes "03"'),
    ],
)  # fmt: skip
def test_refused(text: str, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate(text)
    assert str(caught.value) == message
