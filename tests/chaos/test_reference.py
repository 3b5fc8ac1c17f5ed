"""Properties of the reference model itself."""

from chaos.reference import Content, Event, Visible, visible_state
from hypothesis import given
from hypothesis import strategies as st

CONTENTS = st.sampled_from(Content)


@st.composite
def histories(draw):
    """Return the operations on some objects in order, and the events that they cause."""
    operations, events, generation, live = [], [], 0, {}
    for _ in range(draw(st.integers(1, 12))):
        name = draw(st.sampled_from("abc"))
        generation += 1
        if name in live and draw(st.booleans()) and draw(st.booleans()):
            old, content = live.pop(name)
            operations.append((name, None, None))
            events.append(Event(name, old, "OBJECT_DELETE", content))
            continue
        content = draw(CONTENTS)
        if name in live:
            old, before = live[name]
            events.append(Event(name, old, "OBJECT_DELETE", before, overwritten_by=generation))
        dead = content is Content.DENIED
        overwrote = live[name][0] if name in live else None
        events.append(Event(name, generation, "OBJECT_FINALIZE", content, overwrote, is_dead_letter=dead))
        live[name] = generation, content
        operations.append((name, generation, content))
    return operations, events


def replay(operations):
    """Return the state after the operations in order, as a bucket and an immediate analysis have it."""
    state = {}
    for name, generation, content in operations:
        state.pop(name, None)
        if generation is not None:
            state[name] = Visible(generation, content is Content.GOOD)
    return state


@given(histories())
def test_model_agrees_with_a_replay_in_order(history):
    operations, events = history
    assert visible_state(events) == replay(operations)


@given(histories(), st.randoms())
def test_order_and_repetition_do_not_matter(history, random):
    _, events = history
    shuffled = [*events, *random.choices(events, k=3)]
    random.shuffle(shuffled)
    assert visible_state(shuffled) == visible_state(events)


@given(histories())
def test_a_newer_generation_decides_alone(history):
    _, events = history
    newer = [Event(name, 10**6, "OBJECT_FINALIZE", Content.GOOD) for name in {event.name for event in events}]
    assert visible_state([*events, *newer]) == {event.name: Visible(10**6, True) for event in newer}
