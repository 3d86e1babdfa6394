"""Tables of what people and speech recognisers mix up, written for this project (CC0).

Owns static data only. `sets(...)`: each line is one set of words taken for one another.
"""


def sets(text):
    """word -> the others of its sets"""
    out = {}
    for line in text.strip().splitlines():
        group = [w.strip() for w in line.split(",")]
        for w in group:
            out.setdefault(w, []).extend(x for x in group if x != w)
    return out


def pairs(text):
    """right -> wrong ones; a line is `right: wrong, wrong`"""
    out = {}
    for line in text.strip().splitlines():
        right, wrong = line.split(":")
        out.setdefault(right.strip(), []).extend(w.strip() for w in wrong.split(","))
    return out


# The most frequent ones come up again and again in speech: they are drawn more often.
CORE = sets("""
its, it's
your, you're
there, their, they're
then, than
to, too
whose, who's
were, we're, where
lose, loose
quiet, quite
of, off
""")

HOMOPHONES = sets("""
to, two
too, two
accept, except
affect, effect
advice, advise
aisle, isle
allowed, aloud
all ready, already
all together, altogether
any way, anyway
any more, anymore
any one, anyone
every one, everyone
every day, everyday
some time, sometime
some times, sometimes
may be, maybe
a lot, alot
altar, alter
ate, eight
bare, bear
bean, been
beat, beet
been, being
beside, besides
blew, blue
board, bored
brake, break
breath, breathe
bought, brought
buy, by, bye
capital, capitol
cell, sell
cent, scent, sent
choose, chose
cite, sight, site
cloth, clothe
clothes, close
coarse, course
complement, compliment
council, counsel
costume, custom
dairy, diary
days, daze
dear, deer
desert, dessert
device, devise
die, dye
dual, duel
fair, fare
farther, further
feat, feet
few, view
find, fined
flew, flu, flue
flour, flower
for, four
form, from
formally, formerly
forth, fourth
gate, gait
great, grate
groan, grown
guessed, guest
hair, hare
hall, haul
hear, here
heard, herd
heal, heel
he'll, hill
higher, hire
him, hymn
hole, whole
hour, our
idle, idol
in, and
knew, new
knight, night
knot, not
know, no, now
known, none
knows, nose
later, latter
lead, led
lessen, lesson
lie, lay
lightning, lightening
live, leave
loan, lone
made, maid
mail, male
main, mane
meat, meet
moral, morale
morning, mourning
muscle, mussel
one, won
or, our
pail, pale
pain, pane
pair, pear
passed, past
patience, patients
peace, piece
peak, peek
personal, personnel
plain, plane
pole, poll
poor, pour
pray, prey
precede, proceed
principal, principle
profit, prophet
quiet, quit
rain, reign
raise, rise
read, red
real, reel
right, write
road, rode
role, roll
root, route
sail, sale
scene, seen
sea, see
seam, seem
sew, so
shore, sure
sole, soul
some, sum
son, sun
stair, stare
stake, steak
stationary, stationery
steal, steel
suit, suite
tail, tale
taught, thought
team, teem
thing, think
thought, though
thorough, through
threw, through
throne, thrown
tide, tied
vain, vein
wait, weight
waist, waste
walk, work
want, won't
wander, wonder
warn, worn
way, weigh
weak, week
wear, where, ware
weather, whether
which, witch
whine, wine
who, how
wood, would
world, word
than, that
this, these
those, these
live, life
safe, save
prove, proof
believe, belief
sit, set
fill, feel
ship, sheep
full, fool
least, list
his, he's
as, has
is, his
an, and
were, was
""")

# Only the rest of the line tells them apart, and it does: drawn evenly, right and wrong, so that
# the rare ones are learnt as well as the frequent ones.
CONTRAST = sets("""
quiet, quite
lose, loose
hole, whole
to, too
their, there
their, they're
there, they're
your, you're
its, it's
whose, who's
then, than
affect, effect
accept, except
advice, advise
passed, past
weather, whether
threw, through
peace, piece
principal, principle
break, brake
hear, here
knew, new
know, no
right, write
weak, week
wear, where
were, where
were, we're
buy, by
breath, breathe
choose, chose
of, off
lead, led
quit, quiet
bare, bear
won, one
wait, weight
waist, waste
steal, steel
hour, our
sight, site
desert, dessert
plain, plane
meat, meet
role, roll
sole, soul
tail, tale
wood, would
fair, fare
die, dye
aloud, allowed
board, bored
cell, sell
some, sum
coarse, course
scene, seen
proof, prove
belief, believe
safe, save
life, live
taught, thought
though, thought
heal, heel
mail, male
pair, pear
rain, reign
road, rode
sail, sale
stair, stare
throne, thrown
which, witch
sea, see
son, sun
poor, pour
""")

# British and American, both right
SPELT = sets("""
colour, color
favourite, favorite
neighbour, neighbor
neighbours, neighbors
honour, honor
labour, labor
behaviour, behavior
harbour, harbor
humour, humor
flavour, flavor
rumour, rumor
centre, center
theatre, theater
metre, meter
litre, liter
grey, gray
organise, organize
organised, organized
realise, realize
realised, realized
recognise, recognize
recognised, recognized
apologise, apologize
analyse, analyze
travelled, traveled
travelling, traveling
cancelled, canceled
modelling, modeling
traveller, traveler
jewellery, jewelry
defence, defense
offence, offense
licence, license
practise, practice
programme, program
catalogue, catalog
dialogue, dialog
cheque, check
tyre, tire
aeroplane, airplane
aluminium, aluminum
mum, mom
learnt, learned
spelt, spelled
burnt, burned
dreamt, dreamed
towards, toward
afterwards, afterward
whilst, while
amongst, among
plough, plow
sceptical, skeptical
pyjamas, pajamas
moustache, mustache
storey, story
judgement, judgment
ageing, aging
""")

# right: how it is misheard or written where the meaning needs the right one
SOUNDS = pairs("""
should have: should of
could have: could of
would have: would of
must have: must of
might have: might of
should've: should of
could've: could of
would've: would of
supposed to: suppose to
used to: use to
through: thru
though: tho
although: altho
night: nite
tonight: tonite
because: becuase, becaus, cuz, becouse
definitely: definately, definitly, defiantly
separate: seperate
receive: recieve
received: recieved
believe: beleive
beginning: begining
until: untill
tomorrow: tommorow, tommorrow
government: goverment
environment: enviroment
different: diffrent
difference: diffrence
really: realy
usually: usualy
finally: finaly
probably: probly, probaly
necessary: neccessary, necessery
business: buisness, bussiness
beautiful: beautifull, beatiful
surprise: suprise
surprised: suprised
interesting: intresting
remember: remeber
restaurant: restaraunt, resturant
friend: freind
friends: freinds
their: thier
people: poeple, peaple
which: wich
whether: wether
weird: wierd
truly: truely
argument: arguement
occurred: occured
happened: happend
knowledge: knowlege
library: libary
February: Febuary
Wednesday: Wensday
address: adress
across: accross
appear: apear
apparently: apparantly
calendar: calender
cemetery: cemetary
committee: comittee, commitee
completely: completly
consider: concider
develop: develope
disappear: dissapear
disappointed: dissapointed
embarrass: embarass
especially: especialy, expecially
exercise: excercise
existence: existance
experience: experiance
familiar: familar
foreign: foriegn
forty: fourty
grammar: grammer
guarantee: garantee
height: heigth
immediately: immediatly
important: importent
independent: independant
information: infomation
language: langauge
maintenance: maintainance
minute: minuite
mischievous: mischievious
neighbor: neighbur
neighbour: nieghbour
occasion: ocassion
opportunity: oportunity
parliament: parliment
particular: particuler
possible: posible
prefer: perfer
professor: proffesor
pronunciation: pronounciation
publicly: publically
recommend: recomend
relevant: relevent
schedule: shedule
similar: similiar
sincerely: sincerly
successful: succesful
temperature: temperture
therefore: therefor
together: togeather
toward: torward
twelfth: twelth
vacuum: vaccum
vegetable: vegtable
without: withought
writing: writting
written: writen
yesterday: yesturday
""")

# what is said with a preposition and what without: right, wrong
PHRASES = [tuple(p.strip() for p in line.split("|")) for line in """
discuss|discuss about
discussed|discussed about
emphasize|emphasize on
enter|enter into
entered|entered to
reach|reach to
reached|reached to
answer|answer to
married|married with
despite|despite of
in spite of|in spite
listen to|listen
listened to|listened
listening to|listening
wait for|wait
waiting for|waiting
waited for|waited
look for|look
looking for|looking
looked for|looked
think about|think
depend on|depend of
depends on|depends of
interested in|interested on
consists of|consists in
good at|good in
afraid of|afraid from
married to|married with
arrived at|arrived to
arrived in|arrived to
different from|different of
belong to|belong
belongs to|belongs
based on|based in
according to|according with
because of|because
instead of|instead
out of|out
a lot of|a lot
a lot of|lot of
kind of|kind
one of the|one of
return|return back
returned|returned back
repeat|repeat again
more|more of
each other|each others
in order to|in order
at least|at less
as well as|as well
on the other hand|in the other hand
at the same time|in the same time
in the end|at the end
every time|everytime
as if|like as if
even though|even
such as|such
so that|so
as long as|as long
the same as|the same like
would rather|would rather to
better than|better then
rather than|rather then
more than|more then
less than|less then
no one|noone
in front of|infront of
in fact|infact
at all|atall
as well|aswell
a bit|abit
all right|alright to
per cent|per cents
""".strip().splitlines()]

MORPHS = sets("""
beauty, beautiful
success, succeed, successful
importance, important
safe, safety, safely
difference, different, differ
easy, easily, ease
quick, quickly
slow, slowly
real, really
careful, carefully
beautiful, beautifully
complete, completely
serious, seriously
loud, loudly
good, well
bad, badly
danger, dangerous
health, healthy
happy, happiness, happily
choice, choose
analyse, analysis
economy, economic, economical
politics, political
nature, natural, naturally
culture, cultural
develop, development
improve, improvement
educate, education
advertise, advertisement
produce, production, product
communicate, communication
invent, invention
decide, decision
possible, possibly, possibility
certain, certainly
strong, strength
long, length
high, height
deep, depth
dead, death, die
bored, boring
interested, interesting
excited, exciting
tired, tiring
surprised, surprising
confused, confusing
young, youth
poor, poverty
free, freedom, freely
agree, agreement
arrive, arrival
behave, behaviour
believe, belief
lose, loss
sell, sale
speak, speech
think, thought
weigh, weight
lie, lay
hard, hardly
late, lately
near, nearly
most, mostly
high, highly
""")

DETERMINERS = sets("""
this, these
that, those
much, many
less, fewer
little, few
is, are
was, were
has, have
does, do
doesn't, don't
isn't, aren't
wasn't, weren't
hasn't, haven't
""")

PRONOUNS = sets("""
he, him
she, her
they, them
we, us
I, me
he, his
their, them
you, your
my, me
who, which
who, whom
""")

PREPOSITIONS = ["in", "on", "at", "to", "for", "of", "with", "from", "by", "about", "into"]
SMALL = {"to", "of", "in", "on", "at", "for", "with", "is", "are", "was", "were", "be", "been",
         "have", "has", "had", "it", "and", "will", "would", "as", "my", "his", "her", "their"}
MODALS = {"can", "could", "will", "would", "shall", "should", "may", "might", "must", "'ll", "ca",
          "wo", "to", "do", "does", "did"}
PAST_MARKS = {"yesterday", "ago", "last", "once", "earlier", "then", "when", "until"}
NUMERALS = {"two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
            "twelve", "twenty", "thirty", "forty", "fifty", "hundred", "many", "several", "few",
            "these", "those", "both", "various", "all", "other", "some", "most", "dozens",
            "hundreds", "thousands", "millions"}
FILLERS = ["um", "uh", "er", "uhm", "erm"]
IRREGULAR_PLURALS = pairs("""
children: childs, childrens
men: mans, mens
women: womans, womens
people: peoples
feet: foots, feets
teeth: tooths, teeths
mice: mouses
information: informations
advice: advices
furniture: furnitures
equipment: equipments
knowledge: knowledges
homework: homeworks
money: moneys
news: new
sheep: sheeps
fish: fishs
lives: lifes
wives: wifes
knives: knifes
leaves: leafs
thieves: thiefs
police: polices
""")
