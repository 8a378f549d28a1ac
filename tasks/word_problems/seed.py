GAINS = ("has", "buys", "finds")
LOSSES = ("loses", "breaks")


def algorithm(story, questions):
    return [answer(story, question) for question in questions]


def answer(story, question):
    asked = question.replace("?", "").split()
    item, person = asked[2], asked[4]
    total = 0
    for sentence in story.split("."):
        words = sentence.split()
        if len(words) > 3 and words[0] == person and item in words and words[2].isdigit():
            if words[1] in GAINS:
                total += int(words[2])
            if words[1] in LOSSES:
                total -= int(words[2])
    return total
