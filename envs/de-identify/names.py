"""Names of people and streets; some are those of diseases, months or words."""


def listed(names: str) -> list[str]:
    return names.split()


FIRST = listed(
    """
    Adaeze Agnes Ahmed Aisha Alan Albert Alice Amara Andrew Anja Anton Arthur Beatrice Benjamin
    Bernard Bill Bruno Carla Carmen Cecilia Charles Chidi Clara Daniel Deborah Dimitri Edith
    Edward Elena Elif Emil Emma Erik Esther Fatima Felix Fiona Frank Frieda Gabriel George Grace
    Greta Hannah Harold Hassan Helen Henry Hope Hugo Ibrahim Ingrid Irene Isaac Ivan Jack Jana
    Jasmin Johanna Joseph Julia Kareem Karin Katya Kemal Laura Leila Leon Lionel Louise Lucas
    Magda Malik Marcus Maria Mark Martha Matteo May Mehmet Miriam Nadia Naomi Nicolas Nina Olga
    Oliver Omar Oscar Patricia Paul Peter Philip Rahel Ralph Rebecca Robert Rosa Rose Ruth
    Samuel Sandra Sarah Selma Simon Sofia Stefan Susan Tamara Teresa Thomas Tobias Ursula
    Valerie Victor Walter Will William Yusuf Zainab Zoltan
    """
)
LAST = listed(
    """
    Abbott Addison Adeyemi Albrecht Andersen Archer Ashworth Bakker Barlow Baumann Bell Bennett
    Berger Bishop Blackwood Bogdanov Bradley Brandt Brennan Caldwell Carmichael Castillo
    Chamberlain Chowdhury Clifford Conrad Corrigan Crawford Dahlberg Davenport Delgado Demir
    Dietrich Donovan Dubois Eastwood Eriksen Fairfax Farrell Ferreira Fischer Fitzgerald Foley
    Forsyth Fournier Galbraith Garrison Gerhard Gilmore Goldberg Graves Greenwood Gustafsson
    Haddad Hargreaves Harrington Hassani Hodgkin Hoffmann Holloway Horvath Huang Hutchinson
    Iversen Jankowski Jensen Johansson Kaminski Kaplan Karlsson Keller Kowalski Kruger Langley
    Larsen Lindqvist Lockwood Lombardi Maguire Malinowski Marchetti Markovic Matthews McAllister
    Mendoza Middleton Moreau Moreno Murphy Nakamura Neumann Nielsen Nowak Oakley Obrien Okafor
    Okonkwo Oliveira Osborne Pacheco Parkinson Pedersen Pemberton Petrov Pickering Popescu
    Quinlan Radcliffe Ramirez Rasmussen Richter Rosenthal Rousseau Sandoval Schneider Schubert
    Seymour Shapiro Silveira Sinclair Sorensen Stanford Steiner Sullivan Tanaka Thornton Torres
    Underwood Vandenberg Vasquez Vogel Wainwright Wakefield Weber Whitaker Winkler Woodward
    Yildirim Zieglar Zimmermann
    """
)
STAFF_NAMES = listed(
    """
    Ansell Birkett Cartmell Draycott Ellingham Fothergill Garside Heskett Inchbald Jellicoe
    Kershaw Lorimer Mossop Nuttall Ormerod Postlethwaite Quarmby Rigby Satterthwaite Tattersall
    """
)
STREETS = listed(
    """
    Acacia Bakery Cathedral Damson Elm Foundry Gardenia Hawthorn Ironmonger Juniper Kingfisher
    Linden Mulberry Nightingale Orchard Poplar Quarry Rowan Sycamore Tannery
    """
)
STREET_KINDS = ("Street", "Road", "Lane", "Close", "Avenue")
