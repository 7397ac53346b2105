metadata name = 'Policy text'
metadata description = 'Fills the blanks of a policy file: each is written [[name]].'

@export()
@description('The text with every [[name]] replaced by the value of that name, which is XML.')
func filled(text string, values object) string =>
  reduce(items(values), text, (soFar, blank) => replace(string(soFar), '[[${blank.key}]]', string(blank.value)))

@export()
@description('The text as XML: what would be markup is escaped.')
func escaped(text string) string =>
  replace(replace(replace(replace(text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;')

@export()
@description('One XML element of that name for each text.')
func elements(name string, texts string[]) string => join(map(texts, text => '<${name}>${escaped(text)}</${name}>'), '')
