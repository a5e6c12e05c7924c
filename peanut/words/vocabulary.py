"""The nouns: the 80 classes of COCO, what else they are called, and words for several of them at once."""

import attrs

from peanut.words.inflection import singular

CLASSES = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light"),
    *("fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow"),
    *("elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee"),
    *("skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard"),
    *("tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple"),
    *("sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch"),
    *("potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone"),
    *("microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear"),
    *("hair drier", "toothbrush"),
)
"""The names that COCO published (Lin et al., ECCV 2014; labels of 2017), in its order."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


SAME = {
    "person": _words("human, human being, somebody, someone, individual, figure, pedestrian, passerby"),
    "bicycle": _words("bike, cycle, pushbike"),
    "car": _words("automobile, auto, motorcar"),
    "motorcycle": _words("motorbike, motor cycle, motor bike"),
    "airplane": _words("plane, aeroplane, aircraft, jet"),
    "bus": _words("coach, omnibus"),
    "train": _words("railway train"),
    "truck": _words("lorry"),
    "boat": _words("ship, vessel"),
    "traffic light": _words("traffic signal, stoplight"),
    "fire hydrant": _words("hydrant, fireplug"),
    "stop sign": _words("stopsign"),
    "bench": _words("park bench"),
    "cow": _words("cattle"),
    "dog": _words("hound, doggy, doggie"),
    "cat": _words("kitty"),
    "backpack": _words("rucksack, knapsack"),
    "umbrella": _words("parasol, sunshade, brolly"),
    "handbag": _words("purse"),
    "tie": _words("necktie"),
    "suitcase": _words("valise"),
    "frisbee": _words("flying disc"),
    "skis": _words("ski"),
    "sports ball": _words("ball"),
    "baseball bat": _words("bat"),
    "baseball glove": _words("glove, mitt"),
    "tennis racket": _words("racket, racquet"),
    "wine glass": _words("wineglass, goblet"),
    "cup": _words("mug"),
    "hot dog": _words("hotdog"),
    "donut": _words("doughnut"),
    "couch": _words("sofa, settee"),
    "potted plant": _words("houseplant, plant, pot plant"),
    "dining table": _words("table, desk"),
    "toilet": _words("lavatory, loo"),
    "tv": _words("television, television set, tv set, monitor, screen, telly"),
    "laptop": _words("notebook computer, laptop computer, computer"),
    "mouse": _words("computer mouse"),
    "remote": _words("remote control"),
    "cell phone": _words("phone, mobile, mobile phone, smartphone, cellphone, telephone"),
    "microwave": _words("microwave oven"),
    "oven": _words("stove, cooker"),
    "sink": _words("basin, washbasin"),
    "refrigerator": _words("fridge, icebox"),
    "clock": _words("wall clock"),
    "scissors": _words("scissor"),
    "teddy bear": _words("teddy, stuffed bear"),
    "hair drier": _words("hair dryer, hairdryer, hairdrier, blow dryer"),
}
"""Class -> other words for the same thing."""
NARROWER = {
    "person": _words(
        "player, football player, soccer player, tennis player, basketball player, baseball player, rider, cyclist, "
        "biker, motorcyclist, driver, passenger, skater, skateboarder, surfer, skier, snowboarder, runner, jogger, "
        "walker, hiker, dancer, singer, swimmer, athlete, worker, builder, police officer, officer, cop, policeman, "
        "policewoman, fireman, firefighter, soldier, guard, waiter, waitress, doctor, nurse, teacher, student, pupil, "
        "tourist, visitor, shopper, customer, bystander, spectator, actor, actress, reporter, presenter, speaker, "
        "photographer, cameraman, farmer, referee, goalkeeper, goalie, sportsman, sportswoman, businessman, friend, "
        "bike rider, horse rider, motorcycle rider, bicyclist, jockey, boxer, fisherman, diver, chef, cook, "
        "barista, carpenter, violinist, pianist, drummer, artist, painter, astronaut, priest, monk, nun, janitor, "
        "cleaner, acrobat, sailor, pilot, postman, mailman, courier, deliveryman, butcher, baker, clerk, cashier, "
        "mother, father, mom, dad, grandmother, grandfather, parent, son, daughter, brother, sister, wife, husband, "
        "boyfriend, girlfriend, beggar, thief, intruder, suspect, coach driver, wrestler, gymnast, "
        "sprinter, scooter rider, parachutist, paraglider, kayaker, rower, trumpeter, clown, mannequin, "
        "lifeguard, bodyguard, paramedic, "
        "stranger, neighbor, bride, groom, rollerblader, musician, guitarist, golfer, climber, juggler, vendor"
    ),
    "bicycle": _words("mountain bike, racing bike, tandem, tricycle"),
    "car": _words(
        "taxi, cab, taxi cab, van, ambulance, roadster, station wagon, wagon, camper, hearse, minivan, jeep, suv, "
        "sedan, limousine, limo, police car, race car, racing car, sports car, convertible, hatchback, coupe, minibus"
    ),
    "motorcycle": _words("scooter, moped, vespa"),
    "airplane": _words("airliner, glider, seaplane, jumbo jet, propeller plane, biplane, fighter jet, helicopter"),
    "bus": _words("double decker, double decker bus, school bus, tour bus, city bus, trolleybus"),
    "train": _words("tram, passenger train, freight train, locomotive, subway, metro, streetcar"),
    "truck": _words(
        "pickup, pickup truck, fire engine, fire truck, garbage truck, dump truck, trailer, bulldozer, tractor, "
        "excavator, tanker, cement mixer"
    ),
    "boat": _words(
        "sailboat, sailing boat, fishing boat, rowboat, rowing boat, motorboat, speedboat, yacht, canoe, kayak, ferry, "
        "gondola, barge, dinghy, raft, catamaran, trawler, steamer, tugboat, pedal boat, lifeboat, submarine"
    ),
    "bird": _words(
        "pigeon, dove, duck, goose, swan, seagull, gull, crow, raven, sparrow, eagle, hawk, owl, parrot, "
        "chicken, hen, rooster, turkey, penguin, flamingo, ostrich, stork, heron, magpie, "
        "peacock, woodpecker, robin, pelican, canary, budgie, vulture, falcon"
    ),
    "cat": _words("kitten, tomcat, tabby, lynx"),
    "dog": _words(
        "puppy, pup, poodle, terrier, labrador, retriever, beagle, bulldog, dachshund, husky, shepherd dog, "
        "sheepdog, greyhound, corgi, labradoodle, chihuahua, spaniel, dalmatian, collie, pug, wolf, fox"
    ),
    "horse": _words("pony, foal, mare, stallion, donkey, mule"),
    "sheep": _words("lamb, ram, ewe, goat"),
    "cow": _words("bull, calf, ox, heifer"),
    "bear": _words("grizzly, polar bear, brown bear, cub"),
    "backpack": _words("school bag, schoolbag, satchel"),
    "sports ball": _words(
        "football, soccer ball, tennis ball, basketball, baseball, volleyball, beach ball, rugby ball"
    ),
    "cup": _words("teacup, coffee cup, glass, beaker"),
    "bottle": _words("wine bottle, beer bottle, water bottle, flask"),
    "chair": _words("armchair, stool, wheelchair, deckchair, recliner, rocking chair, bar stool"),
    "potted plant": _words("flower, flowerpot"),
    "dining table": _words("coffee table, kitchen table"),
    "sandwich": _words("burger, hamburger, toast"),
    "cake": _words("pie, tart, cupcake, muffin"),
    "knife": _words("dagger"),
    "book": _words("notebook, magazine, textbook"),
    "clock": _words("alarm clock"),
    "cell phone": _words("iphone"),
}
"""Class -> words for kinds of it, which the detector does not tell from the other kinds."""
MEN_AND_WOMEN = _words("man, woman, lady, gentleman, guy, dude, bloke, fellow, adult, male, female")
CHILDREN = _words("child, kid, baby, toddler, infant, teenager")
BOYS_AND_GIRLS = _words("boy, girl, lad, lass")
GROUPS = {
    "vehicle": ("bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"),
    "traffic": ("bicycle", "car", "motorcycle", "bus", "train", "truck"),
    "two-wheeler": ("bicycle", "motorcycle"),
    "animal": ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"),
    "pet": ("cat", "dog", "bird"),
    "livestock": ("horse", "sheep", "cow"),
    "wildlife": ("bird", "elephant", "bear", "zebra", "giraffe"),
    "furniture": ("chair", "couch", "bed", "dining table", "bench"),
    "seat": ("chair", "couch", "bench"),
    "fruit": ("banana", "apple", "orange"),
    "vegetable": ("broccoli", "carrot"),
    "food": ("banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake"),
    "bag": ("backpack", "handbag", "suitcase"),
    "luggage": ("suitcase", "backpack", "handbag"),
    "baggage": ("suitcase", "backpack", "handbag"),
    "cutlery": ("fork", "knife", "spoon"),
    "dish": ("bowl", "cup", "wine glass"),
    "tableware": ("bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl"),
    "drink": ("bottle", "wine glass", "cup"),
    "appliance": ("microwave", "oven", "toaster", "refrigerator"),
    "electronics": ("tv", "laptop", "mouse", "remote", "keyboard", "cell phone"),
    "gadget": ("laptop", "mouse", "remote", "keyboard", "cell phone"),
    "board": ("snowboard", "skateboard", "surfboard"),
    "toy": ("teddy bear", "frisbee", "kite", "sports ball"),
    "sign": ("stop sign",),
}
"""A noun for several classes."""
MOVERS = frozenset({"person", *GROUPS["vehicle"], *GROUPS["animal"]})
"""Classes that move by themselves: "the man with the bag running left" has a running man."""
RIDERS = {
    **dict.fromkeys(("cyclist", "bicyclist", "bike rider"), ("bicycle", "motorcycle")),
    **dict.fromkeys(("motorcyclist", "motorcycle rider", "scooter rider"), ("motorcycle", "bicycle")),
    **dict.fromkeys(("horse rider", "jockey"), ("horse",)),
    **dict.fromkeys(("rider", "biker"), ("bicycle", "motorcycle", "horse")),
    "skateboarder": ("skateboard",),
    "surfer": ("surfboard",),
    "skier": ("skis",),
    "snowboarder": ("snowboard",),
}
"""Persons by what they are on; bicycles and motorcycles are often taken for each other."""
THINGS = frozenset(
    _words("thing, object, item, stuff, everything, anything, something, it, one, ones, those, these, them, they")
)
"""Anything that was found: also what only moves and has no name."""
PEOPLE = {**dict.fromkeys(_words("crowd, everyone, everybody, anyone, anybody, whoever, folk")), "couple": 2}
"""More words for persons, and how many of them they mean; None: all."""
ALL = frozenset(
    _words(
        "everything, anything, stuff, ones, those, these, them, they, furniture, food, fruit, luggage, "
        "baggage, traffic, cutlery, tableware, electronics, livestock, wildlife, cattle"
    )
)
"""Nouns that mean all of them without an -s."""


@attrs.frozen
class Noun:
    """A noun of a phrase, and what it is found as."""

    word: str
    """In the singular, as said: "man"."""
    labels: frozenset[str] | None
    """The classes of COCO that it stands for; None: anything that was found, named or not."""
    note: str = ""
    """What cannot be told apart, or how the class was guessed; empty: it is plainly that."""
    rides: frozenset[str] = frozenset()
    """The classes on one of which it is expected: a cyclist on a bicycle."""


@attrs.frozen
class Entry:
    """A noun that was looked up, and how many it means by itself: 1, a number, or None for all."""

    noun: Noun
    count: int | None


def _table() -> dict[str, Noun]:
    """Every noun in the singular; what stands first wins."""
    nouns: dict[str, Noun] = {}
    for label in CLASSES:
        for word in (label, *SAME.get(label, ())):
            nouns.setdefault(word, Noun(word, frozenset({label})))
    person = frozenset({"person"})
    for words, note in (
        (PEOPLE, ""),
        (MEN_AND_WOMEN, "men and women are not told apart"),
        (CHILDREN, "children and adults are not told apart"),
        (BOYS_AND_GIRLS, "boys and girls, children and adults are not told apart"),
    ):
        nouns.update({word: Noun(word, person, note) for word in words})
    for label, words in NARROWER.items():
        for word in words:
            rides = RIDERS.get(word, ())
            note = f"the one on a {' or '.join(rides)}" if rides else f"kinds of {label} are not told apart"
            nouns.setdefault(word, Noun(word, frozenset({label}), note, frozenset(rides)))
    for word, labels in GROUPS.items():
        nouns.setdefault(word, Noun(word, frozenset(labels)))
    nouns.update({word: Noun(word, None) for word in THINGS})
    return nouns


NOUNS = _table()
"""Every noun that is known, in the singular."""
LONGEST = max(len(word.split()) for word in NOUNS)
"""Words in the longest noun."""


def look_up(words: str) -> Entry | None:
    """A noun of one or more words, in the singular or plural; None if it is not known.

    >>> look_up("fire hydrants").noun.labels, look_up("women").noun.note, look_up("zeppelin")
    (frozenset({'fire hydrant'}), 'men and women are not told apart', None)
    """
    if words in NOUNS:
        return Entry(NOUNS[words], None if words in ALL else PEOPLE.get(words, 1))
    head, _, last = words.rpartition(" ")
    one = f"{head} {singular(last)}".strip()
    return Entry(NOUNS[one], None) if one in NOUNS else None
