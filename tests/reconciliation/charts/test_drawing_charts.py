"""A chart shows its figures in proportion: nothing leaves its box, the known is shown, the unknown is not drawn."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from reconciliation.charts.model import HEIGHT, TICKS_MAX, WIDTH, Series, beside, columns, lines, scale_of

values = st.integers(min_value=0, max_value=10**12)
grids = st.integers(1, 40).flatmap(
    lambda labels: st.lists(
        st.lists(st.one_of(st.none(), values), min_size=labels, max_size=labels), min_size=1, max_size=5
    )
)


def series_of(grid):
    return [Series(f"s{n}", n, tuple(row)) for n, row in enumerate(grid)]


@given(values)
def test_an_axis_holds_its_largest_value_in_round_steps(largest):
    scale = scale_of(largest)
    steps = {after - before for before, after in zip(scale.ticks, scale.ticks[1:], strict=False)}
    assert scale.top == scale.ticks[-1] >= largest
    assert scale.ticks[0] == 0
    assert len(scale.ticks) <= TICKS_MAX + 1
    assert len(steps) == 1
    assert str(steps.pop()).rstrip("0") in {"1", "2", "5"}


@given(values)
def test_an_axis_is_not_much_longer_than_its_largest_value(largest):
    assert scale_of(largest).top <= max(2 * largest, 1)


@given(grids)
def test_columns_are_as_high_as_their_values_and_stay_in_their_box(grid):
    drawn = columns([str(n) for n in range(len(grid[0]))], series_of(grid))
    assert len(drawn.parts) == sum(bool(value) for row in grid for value in row)
    for part in drawn.parts:
        assert 0 <= part.x < part.x + part.width <= WIDTH
        assert -1 <= part.y < part.y + part.height <= HEIGHT + 1
        assert abs(part.height - part.value * HEIGHT / drawn.scale.top) <= 1


@given(grids.filter(lambda grid: len(grid[0]) * len(grid) < 100))
def test_columns_beside_each_other_do_not_overlap(grid):
    drawn = beside([str(n) for n in range(len(grid[0]))], series_of(grid))
    ordered = sorted(drawn.parts, key=lambda part: part.x)
    assert len(ordered) == sum(bool(value) for row in grid for value in row)
    assert all(before.x + before.width <= after.x for before, after in itertools.pairwise(ordered))
    assert all(abs(part.height - part.value * HEIGHT / drawn.scale.top) <= 1 for part in ordered)


@given(grids)
def test_a_line_has_a_point_for_each_known_value_and_breaks_where_none_is_known(grid):
    drawn = lines([str(n) for n in range(len(grid[0]))], series_of(grid))
    for line, row in zip(drawn.lines, grid, strict=True):
        runs = sum(value is not None and (n == 0 or row[n - 1] is None) for n, value in enumerate(row))
        assert len(line.points) == sum(value is not None for value in row)
        assert line.path.count("M") == runs


@given(grids)
def test_the_table_says_what_is_drawn(grid):
    drawn = columns([str(n) for n in range(len(grid[0]))], series_of(grid))
    assert [list(column) for column in zip(*(row for _, row in drawn.table), strict=True)] == grid
