"""What restate-server's SQL does not know, though sqlglot or SQLite does: refused here, too, in the server's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sqlglot import Token, TokenType, exp

__all__ = ["refusals"]

_NAMES: Final = """
    abs acos acosh approx_distinct approx_median approx_percentile_cont approx_percentile_cont_with_weight array_agg
    array_any_value array_append array_cat array_compact array_concat array_contains array_dims array_distance
    array_distinct array_element array_empty array_except array_extract array_has array_has_all array_has_any
    array_indexof array_intersect array_join array_length array_max array_min array_ndims array_normalize
    array_pop_back array_pop_front array_position array_positions array_prepend array_push_back array_push_front
    array_remove array_remove_all array_remove_n array_repeat array_replace array_replace_all array_replace_n
    array_resize array_reverse array_slice array_sort array_to_string array_union arrays_overlap arrays_zip
    arrow_cast arrow_field arrow_metadata arrow_try_cast arrow_typeof ascii asin asinh atan atan2 atanh avg bit_and
    bit_length bit_or bit_xor bool_and bool_or btrim cardinality cast_to_type cbrt ceil char_length character_length
    chr coalesce concat concat_ws contains corr cos cosh cosine_distance cot count covar covar_pop covar_samp
    cume_dist current_date current_time current_timestamp date_bin date_format date_part date_trunc datepart
    datetrunc decode degrees dense_rank digest dot_product element_at empty encode ends_with exp factorial
    find_in_set first_value flatten floor from_unixtime gcd generate_series get_field greatest grouping ifnull
    initcap inner_product instr isnan iszero json_as_text json_contains json_from_scalar json_get json_get_array
    json_get_bool json_get_float json_get_int json_get_json json_get_str json_keys json_len json_length
    json_object_keys json_union_to_text lag last_value lcm lead least left length levenshtein list_any_value
    list_append list_cat list_compact list_concat list_contains list_dims list_distance list_distinct list_element
    list_empty list_except list_extract list_has list_has_all list_has_any list_indexof list_intersect list_join
    list_length list_max list_ndims list_normalize list_pop_back list_pop_front list_position list_positions
    list_prepend list_push_back list_push_front list_remove list_remove_all list_remove_n list_repeat list_replace
    list_replace_all list_replace_n list_resize list_reverse list_slice list_sort list_to_string list_union list_zip
    ln log log10 log2 lower lpad ltrim make_array make_date make_list make_time map map_entries map_extract map_keys
    map_values max md5 mean median min named_struct nanvl now nth_value ntile nullif nvl nvl2 octet_length overlay
    percent_rank percentile_cont pi position pow power quantile_cont radians rand random range rank regexp_count
    regexp_instr regexp_like regexp_match regexp_replace regr_avgx regr_avgy regr_count regr_intercept regr_r2
    regr_slope regr_sxx regr_sxy regr_syy repeat replace reverse right round row row_number rpad rtrim
    scalar_to_json sha224 sha256 sha384 sha512 signum sin sinh split_part sqrt starts_with stddev stddev_pop
    stddev_samp string_agg string_to_array string_to_list strpos struct substr substr_index substring
    substring_index sum tan tanh to_char to_date to_hex to_local_time to_time to_timestamp to_timestamp_micros
    to_timestamp_millis to_timestamp_nanos to_timestamp_seconds to_unixtime today translate trim trunc
    try_cast_to_type union_extract union_tag upper uuid var var_pop var_population var_samp var_sample version
    with_metadata
    """
"""Of restate-server 1.7, as its ``information_schema.routines`` has them."""
_FUNCTIONS: Final = frozenset(_NAMES.split())
_SYNTAX: Final = frozenset({"cast", "try_cast", "group", "within"})
"""Words of the language that tokens don't tell from names."""
_NAMES_TOO: Final = frozenset(
    {TokenType.DATE, TokenType.TIME, TokenType.DATETIME, TokenType.CHAR, TokenType.FORMAT, TokenType.JSON}
)
"""Words of the language that are functions of SQLite's where they are called."""
_BEFORE_TYPES: Final = frozenset({TokenType.ALIAS, TokenType.DCOLON})
_NOT_IMPLEMENTED: Final = "This feature is not implemented: "


def refusals(tokens: Sequence[Token], statement: exp.Expr) -> Iterator[str]:
    """Why the server refuses a statement that can be parsed; nothing if it does not, as far as is known here."""
    columns = {alias.name.lower() for alias in statement.find_all(exp.TableAlias) if alias.args.get("columns")}
    for name in _called(tokens):
        if name == "extract":
            yield f"{_NOT_IMPLEMENTED}Extract not supported by ExprPlanner"
        elif name not in _FUNCTIONS | _SYNTAX | columns:
            yield f"Error during planning: Invalid function '{name}'."
    for node in statement.find_all(exp.Exists, exp.In, exp.BitwiseNot):
        if isinstance(node, exp.BitwiseNot):
            yield f"{_NOT_IMPLEMENTED}Unsupported SQL unary operator BitwiseNot"
        elif (isinstance(node, exp.Exists) or node.args.get("query")) and not _is_condition(node):
            kind = "Exists" if isinstance(node, exp.Exists) else "InSubquery"
            yield f"{_NOT_IMPLEMENTED}Physical plan does not support logical expression {kind}"


def _called(tokens: Sequence[Token]) -> Iterator[str]:
    """Names that are followed by arguments."""
    for before, token, after in zip((None, *tokens), tokens, tokens[1:], strict=False):
        is_name = token.token_type is TokenType.VAR or token.token_type in _NAMES_TOO
        is_type = before is not None and before.token_type in _BEFORE_TYPES
        if is_name and not is_type and after.token_type is TokenType.L_PAREN:
            yield token.text.lower()


def _is_condition(node: exp.Expr) -> bool:
    """Whether it tells which rows there are, rather than being one of their values."""
    return not isinstance(node.find_ancestor(exp.Where, exp.Join, exp.Select), exp.Select)
