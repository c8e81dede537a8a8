"""Chatty sentences about the shop of `tests/golden_conversation.py`: number of the item talked about, text, meaning.

Meanings are written as in `benchmarks/sentences/README.md`. They guard what the rules do, and measure nothing.
"""

from typing import Final

CHATTY: Final[tuple[tuple[int | None, str, str], ...]] = tuple(
    (int(about) if about.isdigit() else None, text, meaning)
    for about, text, meaning in (
        line.split(" | ")
        for line in """\
- | ugh, long day, I need tea | +Tea
- | my feet are killing me, boots please | +Boots
- | my sister hates coffee. tea for her please | -Coffee +Tea
- | not the red one, my husband has it in red already | -red
- | I'm so done with coffee. tea? | -Coffee +Tea
- | it rained all week, got a tent? | +Tents
- | we break camp tomorrow, socks please | +Socks
- | these are all old, got anything newer | year>
- | these are all expensive, cheaper please | price<
- | no, I want boots | +Boots
- | no wait, go back | !undo
- | oh no, undo that please | !undo
- | hmm, that was silly. start over | !reset
- | right, forget everything | !reset
- | whatever happens, surprise me | !surprise
- | I have no idea, surprise me | !surprise
- | thanks a lot, bye | !nothing
- | how are you today | !nothing
- | it is raining again | !nothing
- | my dog ate my homework | !nothing
- | life is hard | !nothing
- | I slept badly | !nothing
- | what a day | !nothing
- | ok then | !nothing
- | never pay more than thirty for socks | +Socks price<30
- | I won't spend more than 20 on soap | +Soaps price<20
- | nothing over 40 in red | +red price<40
- | no more than 25 please, tea | +Tea price<25
- | the second is lovely but too dear, something like it for less | ~2 price<
- | the third is nice, something similar | ~3
- | tent but no wool, my skin can't take it | +Tents -wool|merino wool
- | coffee without soap, it makes me laugh | +Coffee -Soaps
- | not Aster, their stuff breaks | -Aster
- | I drink tea, no coffee | +Tea -Coffee
- | she loves a strong green tea | +Green Tea
- | my mother loves tea | +Tea
- | for my brother's birthday, leather boots | +leather boots
- | it's for my friend's wedding, rose soap | +rose soap
- | walking down the hill all night, tired | !nothing
- | nothing with down please | -goose down|down
- | something with "down" | +goose down|down
- | a down tent | +goose down|down +Tents
- | Ada Ston | +Ada Stone
- | with bn reed | +Ben Reed
- | Cleo Marsh or Ben Reed, not Ada Stone | +Cleo Marsh/Ben Reed -Ada Stone
- | a red tent, not a blue one | +red +Tents -lake blue|night blue
- | teal! I said teal | +teal
- | red, teal or night blue | +red/teal/night blue
- | boots, socks, and no soap | +Boots/Socks -Soaps
- | mix it up, I'm bored | varied
- | cheaper, and no boots | price< -Boots
- | what else is there, I've seen these | !more
2 | not that brand, they let me down once | -brand@2
2 | why this one, of all things | !why@2
- | hiking, mostly | +hiking
- | we go hiking, my wife and I | +hiking
- | my life is tea | ?
- | money is no issue, boots | +Boots
- | seriously? more coffee? no coffee! | -Coffee
- | alpine boots from the 90s, please | +alpine +Boots year=1990..1999
- | it has to be under 20 but cost at least 60 | ?
- | I'd like coffee that has no coffee in it | ?
- | not the teal ones, I had teal before | -teal
- | where is my order, I paid for the boots on Monday | !nothing
- | can I return the boots if I wore them | !nothing
- | boots please, they itch like coffee | +Boots
- | I drift like coffee, boots please | +Boots
- | they itch like coffee | !nothing
- | my friend wore something like leather boots | ~"Aster Drift Leather Boots, red"
- | boots, but not from them, my last pair fell apart | +Boots
- | it's all Aster here, more variety please | varied
- | it's all Aster here | !nothing
2 | that brand gave me a rash, take it out | -brand@2
2 | my dad loves that one | !nothing
- | I loved Aster Drift Dome Tent and Café Noir Drift Green Tea | ~1 ~3
- | cleo from before 2001 | +cleo year<2001
- | these are too modern for me, go a bit older | year<
- | not too cheap | price>
- | it shouldn't be too expensive | price<
- | no take that last bit back | !undo
2 | what else is there from that brand | +brand@2
- | my brother has an Aster Drift Dome tent, got anything similar? | ~"Aster Drift Dome Tent, red"
- | the first one's close but I want it cheaper | ~1 price<
- | boots, Aster or Cafe Noir | +Boots +Aster/Café Noir
- | tents maybe? not more than 120 | +Tents price<120
- | could you show me a few more | !more
- | why's that one in my list? | !why
2 | not that brand, the last thing I had fell apart | -brand@2
- | you can go fancier than that, money isn't the problem this time | price>
- | socks or soap, teal would be lovely | +Socks/Soaps +teal
""".splitlines()
    )
)
